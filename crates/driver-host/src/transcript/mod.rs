//! Driver tests as dialogues, replayed without hardware and without waiting.
