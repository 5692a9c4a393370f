"""What is drawn: small things that shrink to something readable."""
