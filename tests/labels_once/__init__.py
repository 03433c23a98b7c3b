"""Labels are bought once, whatever is lost on the way to the carrier and back."""
