"""Numbers made by Keras 3, and the table of what is compared with them."""
