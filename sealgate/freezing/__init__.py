"""`sealgate freeze`: keep books and clocks from moving, see whether they do, and clear it."""
