"""Fits int8 CNNs into a microcontroller's RAM and runs them there under RIOT OS."""
