# QEMU with one nanosecond of its time an instruction, the console on standard input and output by semihosting

sim_qemu := -icount shift=0 -display none -monitor none -serial none -chardev stdio,id=console \
  -semihosting-config enable=on,target=native,chardev=console
