# Cortex-M7 code on QEMU's mps2-an500

sim_core := cortex-m7
sim_machine := mps2-an500
include $(SIMBASE)/cortexm/board.mk
