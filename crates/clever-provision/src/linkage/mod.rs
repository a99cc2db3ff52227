//! Record linkage: which records of two files are about the same person.
