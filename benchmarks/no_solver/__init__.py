"""What plans without a solver save beside the linear programme's."""
