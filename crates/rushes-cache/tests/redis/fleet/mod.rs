//! Several processes over one Redis that is killed, stopped, emptied and cut off, and a checker
//! that reads the history of what they wrote and read.

mod checker;
mod history;
mod member;
mod run;
