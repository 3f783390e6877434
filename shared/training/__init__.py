"""What every recipe's training needs: the run folder, fitting with resume, devices."""
