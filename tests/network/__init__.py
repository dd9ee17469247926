"""Every operation against a network that cuts, loses and swallows what is sent."""
