/* Tests write here what shall go wrong: TINY_FAULT, TINY_STACK, TINY_RAM, TINY_WRONG. */
