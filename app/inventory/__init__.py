"""What credentials an account holds: complete, or a failure with a reason."""
