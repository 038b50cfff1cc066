"""The exercises of the book: one file a chapter, one function an exercise.

`check` finds every function here that `@exercise` made into one. `asking` holds what they share.
"""
