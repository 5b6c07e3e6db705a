"""Screens the chunks of web pages and directly ingested documents before they are indexed."""
