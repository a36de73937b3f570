"""What others do with a call, measured beside stream-guard on the same pictures, in turns."""
