"""What the commands do: make a project, bring it up, ask its service, examine it. `cli/` parses and prints."""
