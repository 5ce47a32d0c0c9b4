"""One station floods the port while others go about their work: what they wait for their answers."""
