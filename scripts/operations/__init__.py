"""What a person does with a cluster of the platform: a module for each command, behind scripts/operate."""
