"""The test bed: a real conda, environments and users; a test starts at `base.floor_base()`."""
