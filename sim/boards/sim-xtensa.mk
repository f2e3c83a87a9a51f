# Xtensa LX106 code (the core of the ESP8266: call0 ABI, no windowed registers, no loop instructions) on QEMU's Xtensa
# simulator machine with that core

sim_prefix := xtensa-lx106-elf-
sim_cc := $(sim_prefix)gcc
sim_debian_compiler := gcc-xtensa-lx106 picolibc-xtensa-lx106-elf
sim_emulator := qemu-system-xtensa
sim_debian_emulator := qemu-system-misc
sim_modules := common bare xtensa
# Debian keeps the file out of where its compiler looks
sim_cpu := --specs=/usr/lib/xtensa-lx106-elf/picolibc.specs -mtext-section-literals
sim_linker_script := $(SIMBASE)/xtensa/sim.ld
sim_link := -nostartfiles -T $(sim_linker_script)
sim_run = $(sim_emulator) -M sim -cpu lx106 -semihosting -icount shift=0 -display none -monitor none -serial none \
  -kernel $(ELFFILE)
