# Cortex-M4 code on QEMU's mps2-an386

sim_core := cortex-m4
sim_machine := mps2-an386
include $(SIMBASE)/cortexm/board.mk
