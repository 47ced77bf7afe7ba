"""What a GPU answers to every intrinsic that the emulator has too, recorded for machines without one."""
