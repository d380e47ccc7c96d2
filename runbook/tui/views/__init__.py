"""Views: pure functions from the state and a width to lines. They word and arrange; they decide nothing."""
