"""Trains a small CNN on scikit-learn's digits (8 x 8 grey pixels) and writes what msf-riot wants of it.

    pip install torch onnxscript scikit-learn
    python train.py

Writes digits.onnx, the float model with batch 1, digits.npz, samples of its input, and digits_test.npz, images that it
has not seen and what they show.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

torch.manual_seed(0)
digits = load_digits()
images = (digits.images[:, None] / 16).astype(np.float32)  # [samples, channels, height, width], 0 to 1
train_x, test_x, train_y, test_y = train_test_split(images, digits.target, test_size=0.2, random_state=0)

model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1, bias=False),
    nn.BatchNorm2d(16),
    nn.ReLU(),
    nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False),  # depthwise
    nn.BatchNorm2d(16),
    nn.ReLU(),
    nn.Conv2d(16, 32, 1, bias=False),  # pointwise
    nn.BatchNorm2d(32),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(32, 32, 3, padding=1, bias=False),
    nn.BatchNorm2d(32),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(32, 10),
)

optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
x, y = torch.from_numpy(train_x), torch.from_numpy(train_y)
for _ in range(30):
    for batch in torch.randperm(len(x)).split(64):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    right = (model(torch.from_numpy(test_x)).argmax(1).numpy() == test_y).mean()
print(f"accuracy on the test images: {right:.3f}")

names = {"input_names": ["image"], "output_names": ["scores"]}
torch.onnx.export(model, (torch.from_numpy(test_x[:1]),), "digits.onnx", external_data=False, **names)
np.savez_compressed("digits.npz", image=train_x[:40])
np.savez_compressed("digits_test.npz", image=test_x, y=test_y)
