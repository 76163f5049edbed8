//! The proving machine: framework, chips, microcode and trace.
