"""What the grid demands, from a contact's click to a limit that control keeps to."""
