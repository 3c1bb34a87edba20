"""What people see: the card and the dashboard, in a browser."""
