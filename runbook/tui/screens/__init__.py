"""The screens of the app, each imported when it is first opened."""
