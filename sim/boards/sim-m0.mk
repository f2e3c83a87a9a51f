# Cortex-M0 code on QEMU's mps2-an385, a Cortex-M3: its microbit has too little memory for most models

sim_core := cortex-m0
sim_machine := mps2-an385
include $(SIMBASE)/cortexm/board.mk
