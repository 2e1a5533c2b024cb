"""SMPP 3.4, sans-IO: octets and the clock go in, events and octets come out; nothing here reads or waits."""
