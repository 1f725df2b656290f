"""What a person does with what is stored and connected; no rule of the way itself."""
