"""Code that runs in AWS Lambda: one folder per function, and what functions share."""
