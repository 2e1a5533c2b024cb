"""Where peers meet us: apps that come in and bind, operators to which we do."""
