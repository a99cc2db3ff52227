//! What must not compile has no library: its tests are programs that the compiler refuses.
