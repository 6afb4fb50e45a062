"""Modbus devices of pymodbus, as independent peers: `modbus.py tcp PORT` serves a SunSpec inverter that pysunspec2
lays out, `modbus.py rtu PATH` a meter (unit 3) and a fan-coil thermostat (unit 1) on one serial line, `modbus.py tls PORT
FOLDER` the same two behind TLS, for clients with a certificate; `FOLDER` holds `server.pem`, `server.key` and `ca.pem`.

Prints `ready`, and each register that is written as `unit address value`. Ends when its standard input does.
"""

import asyncio
import ssl
import struct
import sys

import sunspec2.device as sunspec
from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer, ModbusTlsServer
from pymodbus.simulator import DataType, SimData, SimDevice


def device(unit, holding=None, inputs=None):
    """A device with tables of its own that says what is written into its registers."""

    async def told(function, start, address, count, registers, values):
        for offset, value in enumerate(values or []):
            print(unit, address + offset, value, flush=True)

    def table(block, kind):
        first, values = block or (0, [0])
        return [SimData(first, values=values, datatype=kind)]

    bits = table((0, [False] * 8), DataType.BITS)
    tables = (bits, bits, table(holding, DataType.REGISTERS), table(inputs, DataType.REGISTERS))
    return SimDevice(unit, simdata=tables, action=told)


def words(data):
    return [word for (word,) in struct.iter_unpack(">H", data)]


def inverter():
    """Models 1, 103, 120, 123 and 160 with scale factors of every sign."""
    common, ac, name, control = (sunspec.Model(number) for number in (1, 103, 120, 123))
    common.Mn.value, common.Md.value, common.Vr.value, common.SN.value = "Peer", "P-20", "1.7", "S-4711"
    scales = {"A_SF": -2, "V_SF": -1, "W_SF": 1, "Hz_SF": -2, "VA_SF": 1, "WH_SF": 2, "DCV_SF": -1, "DCW_SF": 0, "Tmp_SF": -1}
    for point, power in scales.items():
        getattr(ac, point).value = power
    measured = {"A": 30.93, "PhVphA": 230.4, "W": 21340, "Hz": 50.02, "WH": 184220400, "DCV": 612.7, "DCW": 21800, "TmpCab": 41.3}
    for point, value in measured.items():
        getattr(ac, point).cvalue = value
    ac.St.value = 4
    name.WRtg_SF.value, name.WRtg.value = 2, 300
    control.WMaxLimPct_SF.value, control.WMaxLimPct.cvalue, control.WMaxLim_Ena.value = -1, 100, 0
    control.WMaxLimPct_RvrtTms.value, control.Conn.value = 0, 1
    strings = sunspec.Model(160, data={"ID": 160, "N": 2, "module": [{"ID": 1}, {"ID": 2}]})
    strings.DCW_SF.value, strings.DCV_SF.value, strings.DCA_SF.value = 0, -1, -2
    strings.module[0].DCW.cvalue, strings.module[1].DCW.cvalue = 10900, 10880
    registers = words(b"SunS")
    for model in (common, ac, name, control, strings):
        layout = words(model.get_mb())
        registers += [layout[0], len(layout) - 2] + layout[2:]
    return registers + [0xFFFF, 0]


def meter():
    registers = [0] * 400
    values = {0: 230.4, 2: 229.8, 4: 230.9, 12: 1210.5, 14: 980.25, 16: -310.75, 52: 1880.0, 70: 49.98, 72: 12840.5}
    for address, value in values.items():
        registers[address : address + 2] = words(struct.pack(">f", value))
    return registers


def line():
    # 21.4 °C in tenths, a supply sensor that is not fitted, the valve; the running hours that follow do not exist here.
    thermostat = device(1, holding=(0, [4, 215, 0]), inputs=(0, [214, 32767, 35, 1]))
    return [thermostat, device(3, inputs=(0, meter()))]


def known_clients_only(folder):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=f"{folder}/ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
    return context


async def main():
    way, where = sys.argv[1:3]
    if way == "tcp":
        server = ModbusTcpServer(device(1, holding=(40000, inverter())), address=("127.0.0.1", int(where)))
    elif way == "tls":
        # The specification frames as TCP does; what pymodbus calls its TLS framer leaves the header out.
        tls = known_clients_only(sys.argv[3])
        server = ModbusTlsServer(line(), framer=FramerType.SOCKET, address=("127.0.0.1", int(where)), sslctx=tls)
    else:
        server = ModbusSerialServer(line(), framer=FramerType.RTU, port=where, baudrate=9600)
    await server.serve_forever(background=True)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
