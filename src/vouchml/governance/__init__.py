"""What decides whether a version may serve: the policy, its rules and their statistics, the gate, and admission."""
