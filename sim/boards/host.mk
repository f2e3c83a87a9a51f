# This machine, by its own C compiler

sim_prefix :=
sim_cc := $(if $(filter default undefined,$(origin CC)),cc,$(CC))
sim_debian_compiler := gcc
sim_modules := common host
# All symbols are bound at the start: an inference must not find the dynamic linker on its stack.
sim_link := -Wl,-z,now
sim_cpu := -pthread -DSIM_HOST
sim_run = $(ELFFILE)
