"""The miniature CLIP: the recipe that trains it, and the card that measures it. Nothing else imports this."""
