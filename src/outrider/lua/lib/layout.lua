-- The version of how claims and their owners lie on the server, in the field `:v` of `o:owners:{}`.
local LAYOUT = '1'
