# RV32IMAC code on QEMU's RISC-V virt machine. In version 2.2 of the ISA the counters' instructions are part of I, and it
# is by that name that the compiler finds its libraries.

sim_prefix := riscv64-unknown-elf-
sim_cc := $(sim_prefix)gcc
sim_debian_compiler := gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf
sim_emulator := qemu-system-riscv32
sim_debian_emulator := qemu-system-misc
sim_modules := common bare semihosting rv32
sim_cpu := --specs=picolibc.specs -march=rv32imac -misa-spec=2.2 -mabi=ilp32 -mcmodel=medany
sim_linker_script := $(SIMBASE)/rv32/virt.ld
sim_link := -nostartfiles -T $(sim_linker_script)
sim_run = $(sim_emulator) -M virt -cpu rv32 -bios none $(sim_qemu) -kernel $(ELFFILE)

include $(SIMBASE)/semihosting/qemu.mk
