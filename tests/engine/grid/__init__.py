"""What grid operators demand: from a contact's click or a server's event to a limit that control keeps to."""
