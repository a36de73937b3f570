"""The NVIDIA GPU as the engines use it: one device per worker thread, by PyCUDA."""
