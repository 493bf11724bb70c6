"""What every widget is made of: the packer, the three hosts, checked traits, images."""
