"""What a gateway that runs tells: events, figures, signs of life."""
