"""The wire, version 1: what goes over ``/ws``. Pure."""
