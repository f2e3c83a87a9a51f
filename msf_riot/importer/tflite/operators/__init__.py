"""What each TensorFlow Lite operator becomes: one file a kind, each function registered with `reads`."""

from msf_riot.importer.tflite.operators import activations as activations
from msf_riot.importer.tflite.operators import arithmetic as arithmetic
from msf_riot.importer.tflite.operators import layout as layout
from msf_riot.importer.tflite.operators import linear as linear
from msf_riot.importer.tflite.operators import movement as movement
from msf_riot.importer.tflite.operators import pooling as pooling
from msf_riot.importer.tflite.operators import quantizers as quantizers
