"""Mail over SMTP or SES: one mail an owner and run."""
