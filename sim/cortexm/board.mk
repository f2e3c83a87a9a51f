# What the boards on QEMU's MPS2 machines share. To be set before: sim_core, sim_machine

sim_prefix := arm-none-eabi-
sim_cc := $(sim_prefix)gcc
sim_debian_compiler := gcc-arm-none-eabi libnewlib-arm-none-eabi
sim_emulator := qemu-system-arm
sim_debian_emulator := qemu-system-arm
sim_modules := common bare semihosting cortexm
sim_cpu := -mcpu=$(sim_core) -mthumb -mfloat-abi=soft
sim_linker_script := $(SIMBASE)/cortexm/mps2.ld
sim_link := -nostartfiles -T $(sim_linker_script)
sim_run = $(sim_emulator) -M $(sim_machine) $(sim_qemu) -kernel $(ELFFILE)

include $(SIMBASE)/semihosting/qemu.mk
