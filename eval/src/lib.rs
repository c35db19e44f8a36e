//! How well: arithmetic on pixels, masks, features and answers, and the page that shows it.
