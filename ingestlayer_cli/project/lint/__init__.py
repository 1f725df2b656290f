"""What `validate` alone looks for."""
