"""The board's counter of energy, by NVML, which comes with the driver. Reads only."""

import ctypes


class Meter:
    """mj() is a count of millijoules since some moment; None where there is no counter."""

    def __init__(self, uuid=None, index=0):
        self.board = None
        try:
            self.nvml = ctypes.CDLL("libnvidia-ml.so.1")
        except OSError:
            return
        board = ctypes.c_void_p()
        if self.nvml.nvmlInit_v2() != 0:
            return
        found = uuid and self.nvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}".encode(), ctypes.byref(board)) == 0
        if found or self.nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(board)) == 0:
            self.board = board

    def mj(self):
        count = ctypes.c_ulonglong()
        if not self.board or self.nvml.nvmlDeviceGetTotalEnergyConsumption(self.board, ctypes.byref(count)) != 0:
            return None
        return count.value


class PerInference:
    """Energy an inference, between the first and the last move of the counter, which moves every 20 to 100 ms."""

    def __init__(self, meter):
        self.meter = meter
        self.seen = meter.mj()
        self.moves = []

    def look(self, n_done):
        now = self.meter.mj()
        if now is not None and now != self.seen:
            self.seen = now
            self.moves.append((now, n_done))

    def mj(self):
        if len(self.moves) < 2:
            return None
        (first, n_first), (last, n_last) = self.moves[0], self.moves[-1]
        return (last - first) / (n_last - n_first) if n_last > n_first else None
