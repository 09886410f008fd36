// Kurento
