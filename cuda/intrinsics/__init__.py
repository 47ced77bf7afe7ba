"""What a GPU answers to every intrinsic that the emulator re-implements, recorded for machines without one."""
