/// Data of the Unicode Character Database 15.0, packed: which scripts a scalar is used in (UAX #24,
/// `Script_Extensions`) and which scalars identifiers should be made of (UTS #39, `Identifier_Status=Allowed`).
///
/// Numbers are in base 36. A run is a gap after the run before, and how many scalars follow its first; for scripts
/// also the index of the set.
enum UnicodeTables {
    /// Sets of scripts, by their short names without spaces; `*` is any script.
    static let scriptSets = """
        * Arab Latn Grek Ethi Hani Taml Gran Guru Beng Deva Gujr Hang Kana Orya Sinh Telu Knda Cyrl Laoo Geor Hebr \
        Diak Khar Vith BengDeva Gonm Linb Mlym Tibt BopoHangHaniHiraKana Cprt Glag Gong GranTaml Hira HiraKana Mong \
        BopoHangHaniHiraKanaYiii Dupl Hmng Lana Limb Mult Syrc Armn Bhks Cham CyrlGlag DevaShrd Hmnp Khmr Mymr Nand \
        Talu Tang Xsux Adlm Ahom Bopo Brah Cans Cher Copt DevaGran Hatr Hung Java Kawi Lepc Lina Mani Marc Merc Mroo \
        Mtei Phlp Plrd Sgnw Tagb Tfng Yezi Aghb ArabNkooRohgSyrcThaaYezi ArabSyrc ArabThaa Armi Avst Bali Bamu Bass \
        Batk BengDevaGranKnda Bugi Cakm CprtLinb Ital Kali Khoj Kits Kthi Lisu Lydi Mand Mend Modi MongPhag Nbat \
        Newa Nkoo Nshu Osge Osma Phli Phnx Prti Rjng Rohg Runr Samr Saur Sidd Sind Sora Sund Takr Tale Tavt Tglg \
        Thai Tirh Tnsa Ugar Wara Wcho Xpeo Yiii AdlmArabMandManiOugrPhlpRohgSogdSyrc AdlmArabNkooRohgSyrcThaaYezi \
        ArabCopt ArabNkoo ArabRohg ArabSyrcThaa ArabThaaYezi BengCakmSylo \
        BengDevaDogrGongGonmGranGujrGuruKndaLimbMahjMlymNandOryaSindSinhSyloTakrTamlTeluTirh \
        BengDevaDogrGongGonmGranGujrGuruKndaMahjMlymNandOryaSindSinhSyloTakrTamlTeluTirh \
        BengDevaGranGujrGuruKndaLatnMlymOryaShrdTamlTeluTirh BengDevaGranGujrGuruKndaLatnMlymOryaTamlTeluTirh \
        BengDevaGranKndaNandOryaTeluTirh BopoHani Brai BugiJava Buhd BuhdHanoTagbTglg CakmMymrTale Cari Chrs Cpmn \
        CpmnCprtLinb CprtLinaLinb CyrlLatn CyrlPerm CyrlSyrc \
        DevaDogrGujrGuruKhojKndaKthiMahjMlymModiNandSindTakrTirh \
        DevaDogrGujrGuruKhojKndaKthiMahjModiNandSindTakrTirh DevaDogrGujrGuruKhojKthiMahjModiSindTakrTirh \
        DevaDogrKthiMahj DevaGranKnda DevaGranLatn DevaKndaMlymOryaTamlTelu DevaNand DevaTaml Dogr Dsrt Egyp Elba \
        Elym GeorLatn Goth GujrKhoj GuruMult HaniHiraKana HaniLatn Hano Hluw KaliLatnMymr KndaNand LatnMong Lyci \
        Mahj Maka ManiOugr Medf Mero Nagm Narb Ogam Olck Orkh Ougr Palm Pauc Perm Phag Sarb Shaw Shrd Sogd Sogo Soyo \
        Sylo Thaa Toto Vaii Zanb
        """

    /// Runs of scalars of one set of scripts. Those in no run are not assigned.
    static let scripts = """
        0 1s 0 0 p 2 0 5 0 0 p 2 0 1a 0 0 0 2 0 e 0 0 0 2 0 4 0 0 m 2 0 0 0 0 u 2 0 0 0 0 cg 2 0 12 0 0 4 2 0 4 0 0 \
        1 1n 0 2d 0 0 0 3 0 1 0 0 0 3 0 s 0 0 c 2 0 3 3 0 0 0 0 2 3 2 3 3 0 0 0 0 0 3 4 0 3 0 0 0 0 0 3 0 0 0 0 2 3 \
        1 0 3 1 j 3 1 1q 3 0 d 1r 0 f 3 0 3m i 0 0 4i 0 0 1c 0 1 4h 0 0 1c 0 4n i 1 11 19 2 1d 19 2 2 19 1 1i l 8 q \
        l 4 5 l b 4 1 0 0 0 0 5 1 0 0 2b 0 d 1 0 0 2b 0 0 3y 0 1 1 0 0 3u 0 v 1 0 0 3t 0 9 1 0 a 2c 0 9 1 0 9 3z 0 5 \
        1 0 0 2c 0 2q 1 0 0 3x 0 7 1 0 0 0 0 x 1 0 d 18 1 1n 18 2 2 18 0 1b 1 0 1d 5w e 1m 31 2 2 31 0 19 3b 2 e 3b \
        1 r 2v 2 0 2v 1 a 18 5 u 1 1 1 1 6 21 1 0 0 0 0 s 1 0 28 a 0 0 43 0 0 44 0 1 0 0 e a 0 0 42 0 0 41 0 9 4n 0 \
        f a 0 3 9 1 7 9 2 1 9 2 l 9 1 6 9 1 0 9 3 3 9 2 8 9 2 1 9 2 3 9 8 0 9 4 1 9 1 4 9 2 9 40 0 e 9 2 2 8 1 5 8 4 \
        1 8 2 l 8 1 6 8 1 1 8 1 1 8 1 1 8 2 0 8 1 4 8 4 1 8 2 2 8 3 0 8 7 3 8 1 0 8 7 9 51 0 6 8 a 2 b 1 8 b 1 2 b 1 \
        l b 1 6 b 1 1 b 1 4 b 2 9 b 1 2 b 1 2 b 2 0 b f 3 b 2 9 50 0 1 b 7 6 b 1 2 e 1 7 e 2 1 e 2 l e 1 6 e 1 1 e 1 \
        4 e 2 8 e 2 1 e 2 2 e 7 2 e 4 1 e 1 4 e 2 h e a 1 6 1 5 6 3 2 6 1 3 6 3 1 6 1 0 6 1 1 6 3 1 6 3 2 6 3 b 6 4 \
        4 6 3 2 6 1 3 6 2 0 6 6 0 6 e d y 0 6 6 5 c g 1 2 g 1 m g 1 f g 2 8 g 1 2 g 1 3 g 7 1 g 1 2 g 2 0 g 2 3 g 2 \
        9 g 7 8 g 0 c h 1 2 h 1 m h 1 9 h 1 4 h 2 8 h 1 2 h 1 3 h 7 1 h 6 1 h 1 3 h 2 9 57 1 2 h c c s 1 2 s 1 1e s \
        1 2 s 1 5 s 4 f s 2 p s 1 2 f 1 h f 3 n f 1 8 f 1 0 f 2 6 f 3 0 f 4 5 f 1 0 f 1 7 f 6 9 f 2 2 f c 1l 3l 4 0 \
        0 0 r 3l 11 1 j 1 0 j 1 4 j 1 n j 1 0 j 1 m j 2 4 j 1 0 j 1 6 j 1 9 j 2 3 j w 1z t 1 z t 4 12 t 1 z t 1 e t \
        1 6 t 0 3 0 0 1 t 11 1r 1g 0 9 4b 0 2d 1g 0 11 k 1 0 k 5 0 k 2 16 k 0 0 4y 0 3 k 0 73 c 0 20 4 1 3 4 2 6 4 1 \
        0 4 1 3 4 2 14 4 1 3 4 2 w 4 1 3 4 2 6 4 1 0 4 1 3 4 2 e 4 1 1k 4 1 3 4 2 1u 4 2 v 4 3 p 4 6 2d 1q 2 5 1q 2 \
        hr 1p 0 s 5h 3 22 3a 0 2 0 0 a 3a 7 l 3k 9 0 3k 0 k 54 0 1 4a 9 j 49 c c 27 1 2 27 1 1 27 c 2l 1f 2 9 1f 6 9 \
        1f 6 1 11 0 1 2y 0 0 11 0 0 2y 0 j 11 6 2g 11 7 16 11 5 1x 1p a u 16 1 b 16 4 b 16 4 0 16 3 b 16 0 t 3i 2 4 \
        3i b 17 1i 4 p 1i 6 a 1i 3 1 1i 0 v 1f 0 r 2l 2 1 2l 0 1q 15 1 s 15 2 a 15 6 9 15 6 d 15 2 u 0 1d 24 2g 3 1a \
        2g 1 1r 3g 0 1f 2j 8 3 2j 0 1j 1x 3 e 1x 3 2 1x 0 1b 5i 0 8 i 7 16 k 2 2 k 0 7 3g 8 0 2k 0 0 a 0 0 2k 0 0 1s \
        0 0 a 0 1 p 0 0 1d 0 0 p 0 0 1d 0 0 4q 0 0 a 0 1 1d 0 1 a 0 0 1d 0 0 p 0 6 a 0 0 4r 0 0 p 0 1 a 0 0 p 0 3 a \
        0 0 45 0 0 1s 0 0 4o 0 1 p 0 0 9 0 1 1s 0 0 1h 5 11 2 0 4 3 0 0 i 0 1c 2 0 4 3 0 3 2 0 4 3 0 c 2 0 0 i 0 1x \
        2 0 2 3 0 1h 0 0 0 4j 0 0 0 0 0 18 0 4 0 0 73 2 0 l 3 2 5 3 2 11 3 2 5 3 2 7 3 1 0 3 1 0 3 1 0 3 1 u 3 2 1g \
        3 1 e 3 1 d 3 2 5 3 1 i 3 2 2 3 1 8 3 1 1a 0 0 0 58 0 1g 0 1 a 0 0 0 2 2 a 0 0 0 2 0 e 0 1 c 2 3 w 0 f v 0 0 \
        0 4p f 11 0 0 0 3 0 2 0 0 1 2 0 5 0 0 0 2 0 q 0 0 0 2 0 g 0 0 14 2 0 2 0 4 ie 0 p a 0 l pr 0 0 73 47 0 hf 0 \
        2 v 0 1 2w 0 0 2n w 0 v 2 0 37 1r 5 6 1r 0 11 k 1 0 k 5 0 k 2 1j 28 7 1 28 e 0 28 0 m 4 9 6 4 1 6 4 1 6 4 1 \
        6 4 1 6 4 1 6 4 1 6 4 1 6 4 1 v i 0 1u 0 0 0 1c 0 p 0 y p 5 1 2g 5 c 5x 5 q b 0 4 0 0 0 1 12 0 0 u 0 0 0 0 2 \
        5 0 9 12 0 0 0 0 0 u 0 7 12 0 3 u 0 0 0 0 8 5 0 3 46 0 1 c 0 0 u 0 4 10 0 0 0 0 0 u 0 3 5 0 1 52 0 1 5 1 2d \
        z 2 3 10 0 2 z 0 0 10 0 2h d 0 0 12 0 0 10 0 2 d 5 16 1n 1 2l c 1 f 5 0 v 1n 0 z 5 c f d 0 u c 1 13 5 0 n 0 \
        0 u c 0 0 0 0 1c 5 0 e 0 0 b 5 0 3 0 0 1a d 0 0 5 0 2f d 0 o 5 0 9 0 0 4 5 0 2n 0 0 u 5 0 0 0 0 533 5 0 1r 0 \
        0 g73 5 0 wc 3s 3 1i 3s 9 1b 2t 0 8b 5y k 1a i 0 0 1c 0 1b i 0 2f 2h 8 7 53 0 p 0 0 2t 2 0 2 0 0 1r 2 5 1 2 \
        1 0 2 1 4 2 o d 2 0 18 5v 3 2 4k 0 2 4l 0 3 4m 6 1j 5o 8 1x 3c 8 b 3c 6 g a 0 0 p 0 0 a 0 0 4s 0 b a 0 19 2p \
        0 0 56 0 0 2p 0 z 38 b 0 38 0 s c 3 25 1v 1 0 48 0 9 1v 4 1 1v 0 u 1g 1 1i 1b 9 d 1b 2 9 1b 2 3 1b 0 v 1g 0 \
        1u 3j o 4 3j 0 m 23 a 5 4 2 5 4 2 5 4 9 6 4 1 6 4 1 16 2 0 0 0 0 8 2 0 0 3 0 3 2 0 1 0 4 27 1q 0 19 23 2 9 \
        23 6 8mb c c m c 4 1c c 6is a5 5 2 2x 5 12 6 2 c 4 19 5 p l 1 4 l 1 0 l 1 1 l 1 1 l 1 9 l 0 36 1 g a2 1 0 1 \
        3w 0 27 1 2 1h 1 7 0 1 w 1 1 0 0 2d 0 9 1 0 0 2d 0 1 1 0 p 0 6 d 0 0 1 i 0 k 0 0 1 u 0 b 0 1 i 0 1 3 0 4 4 1 \
        1 3q 1 2 0 0 1 v 0 0 p 2 0 5 0 0 p 2 0 5 0 0 4 12 0 9 d 0 0 10 0 18 d 0 1 10 0 u c 3 5 c 2 5 c 2 5 c 2 2 c 3 \
        6 0 1 6 0 a 4 0 2 b r 1 p r 1 i r 1 1 r 1 e r 2 d r y 3e r 5 1 4f 0 0 2n 4 18 4g 3 8 2n 0 26 3 1 c 0 3 0 3 \
        1b 19 0 3m s 59 3 1c 4c f r 3v 4 z 2o 9 2 2o 0 q 4z 5 16 5n 5 t 3o 1 0 3o 0 z 3r 4 d 3r 16 27 4u 0 1b 5q 0 t \
        34 2 9 34 6 z 33 4 z 33 4 13 4w 8 1f 2a b 0 2a 0 a o 1 e o 1 6 o 1 1 o 1 a o 1 e o 1 6 o 1 1 o 1v 8m 1y 9 l \
        1y a 7 1y o 5 2 1 15 2 1 8 2 1x 5 v 2 0 v 1 17 v 1 1 v 3 0 v 2 0 v 0 l 2e 1 8 2e 0 v 5l 0 u 2z 8 8 2z 1c i \
        1t 1 1 1t 5 4 1t 0 r 36 3 0 36 0 p 2u 5 0 2u 1s v 5e 0 n 21 4 j 21 2 19 21 0 3 n 1 1 n 5 7 n 1 2 n 1 s n 2 2 \
        n 4 9 n 7 8 n 7 v 5p 0 v 5g w 12 1z 4 6 1z 0 0 5c 0 3 1z 9 1h 2f 3 6 2f 0 l 37 2 7 37 0 i 35 5 7 35 0 h 24 7 \
        3 24 c 6 24 28 20 5j 1j 1e 1u d 1e 1u 7 5 1u 0 13 39 8 9 39 86 u 1 1 15 29 1 2 29 2 1 29 23 2 1 0 13 5t 8 15 \
        5s m p 5k 12 r 4d k m 4x 9 25 1o 4 z 1o 9 0 1o 0 1u 2s a 0 2s 2 o 3f 7 9 3f 6 1g 2m 1 h 2m 8 12 5a 9 2n 5r 1 \
        j f b h 2q 1 1a 2q 1q 6 17 1 0 17 1 3 17 1 e 17 1 a 17 6 1m 3e 5 9 3e 6 0 7 0 0 y 0 0 7 0 0 y 1 7 7 2 1 7 2 \
        l 7 1 6 7 1 1 7 1 4 7 1 1 y 0 7 7 2 1 7 2 2 7 2 0 7 6 0 7 5 6 7 2 6 7 3 4 7 3v 2j 30 1 4 30 u 1z 3m 8 9 3m \
        4m 1h 3d 2 11 3d y 1w 2x b 9 2x 6 c 11 j 1l 3h 6 9 3h 1i q 1m 2 e 1m 4 m 1m 55 1n 4t 2s 2a 3p c 0 3p 0 6 m 2 \
        0 m 2 7 m 1 1 m 1 t m 1 1 m 2 b m 9 9 m 1y 7 1h 2 19 1h 2 a 1h r 1z 5z 8 2a 5u d f 1p 0 1k 5m 7 9 a 6u 8 1a \
        1 18 1a 1 d 1a a s 1a 3 v 20 2 l 20 1 d 20 21 6 q 1 1 q 1 17 q 3 0 q 1 1 q 1 8 q 8 9 q 6 5 x 1 1 x 1 10 x 1 \
        1 x 1 5 x 7 9 x 8m o 5b 7 g 1w 1 14 1w 3 r 1w 2e 0 2t f f 6 0 1 y 0 0 6 0 0 y 0 t 6 d 0 6 0 pl 1k 2u 32 1k 1 \
        4 1k b 5f 1k 218 2q 4e d ut 4v 33e g6 55 6nt fs 2h 7 u 22 1 9 22 4 1 22 0 26 3n 1 9 3n 6 t 2i 2 5 2i a 1x 14 \
        a 9 14 1 6 14 1 k 14 5 i 14 j4 2i 5d 2t 22 25 4 1k 25 7 g 25 1s 0 1j 0 0 32 0 1 5 0 0 2r b 1 5 e 4qf 1j 8 lb \
        1j 0 d1 2r 16 8 1j 6w7 3 d 1 6 d 1 1 d 1 0 d 0 7y z 0 2 d f 0 z t 2 z 2 0 d e 3 d 8 az 32 1s4 2y 13 5 c 13 3 \
        8 13 7 9 13 2 7 13 3mk 19 0 2 m 0 9 37 0 1o 6t 0 a 12 0 2 5d 0 l 1x 3 3e j 0 c j 0 c 2e 0 9 h 5 0 6 0 3r 2c \
        0 1 1y 0 1 1 0 2 0 0 2 1 0 2 3 0 1 b 0 1 0 0 1 6 0 1 1s 0 1 3 0 2 7 0 1 6 0 1 r 0 1 3 0 1 4 0 1 0 0 3 6 0 1 \
        9f 0 2 83 0 2 1d 0 0 i3 26 f 4 26 1 e 26 uo u 2 6 5 2 5x 6 w 1 g w 2 6 w 1 1 w 1 4 w 5 1p i x 0 i 34 18 1e 3 \
        d 1e 2 9 1e 4 1 1e 8w u 5x h 1l 3q 5 0 3q cw 15 5f km 6 4 1 3 4 1 1 4 1 e 4 1 5g 2w 2 f 2w 15 23 1l 4 9 1l 4 \
        1 1l lt 1v 0 24 1o 0 5e 3 1 1 q 1 1 1 1 1 0 1 2 0 1 1 9 1 1 3 1 1 0 1 1 0 1 6 0 1 4 0 1 1 0 1 1 0 1 1 2 1 1 \
        1 1 1 0 1 2 0 1 1 0 1 1 0 1 1 0 1 1 0 1 1 1 1 1 0 1 2 3 1 1 6 1 1 3 1 1 3 1 1 0 1 1 9 1 1 g 1 5 2 1 1 4 1 1 \
        g 1 1g 1 1 7i 17 0 4 2r 0 c e 0 2 e 0 1 e 0 1 10 0 a 4t 0 1k p 0 0 0 z 0 1 0 d 17 0 4 8 0 7 1 5 e 5 0 4a rb \
        0 4 g 0 3 c 0 3 3a 0 4 2m 0 6 b 0 4 0 0 f b 0 4 1j 0 8 9 0 6 13 0 8 t 0 2 1 0 26 9f 0 c d 0 2 c 0 3 8 0 7 19 \
        0 1 6 0 8 d 0 4 8 0 7 8 0 7 42 0 1 1i 0 11 9 0 sm wyn 5 w 37d 5 6 65 5 2 4g1 5 e 5rk 5 2e7 f1 5 15u 3t6 5 5 \
        38f 5 f975 0 0 u 2n 0 3k 6n 0
        """

    /// Runs of scalars that identifiers should be made of.
    static let allowedInIdentifiers = """
        13 0 5 1 1 a 6 p 4 0 1 p 1o 0 8 m 1 u 1 1l 2 a 2 7 1 1g g 0 g 1 d 1 s f 1 5 2 a 3 1 2 z 2 1 6 d 11 0 2p 1 1b \
        0 j 4 1 6 2 2 1 1 6 0 7 5 4 1 1 1 3 0 2 1 8 0 2 0 1b 0 5 2 8 0 1 2 1 0 1 j 1 17 19 2r 16 39 g p 4 1 1 11 2 0 \
        7 11 3 0 15 0 r q 4 5 17 v 1 k a 9 6 2 1 0 4 k 1 h 1 1d 1 0 f 1 7 h 28 2p 5a n 1 5 h c 5 0 2 k 1j 24 1 1 5 1 \
        8 3 2 9 1 6 1 6 1 2 1 7 2 1 2 l 1 6 1 0 3 3 2 8 2 1 2 3 8 0 8 3 2 b c 0 2 2 1 5 4 1 2 l 1 6 1 0 2 0 2 1 2 0 \
        1 4 4 1 2 2 e 0 9 e c 2 1 8 1 2 1 l 1 6 1 1 1 4 2 9 1 2 1 2 2 0 f 3 2 9 a 5 1 2 1 7 2 1 2 l 1 6 1 1 1 4 2 7 \
        3 1 2 2 7 2 7 2 4 9 1 0 g 1 1 5 3 2 1 3 3 1 1 0 1 1 3 1 3 2 3 b 4 4 3 2 1 3 2 0 6 0 e 9 h b 1 2 1 m 1 9 1 4 \
        2 8 1 2 1 3 7 1 6 0 2 1 4 9 g 0 1 1 1 7 1 2 1 m 1 9 1 4 2 8 1 2 1 3 7 1 6 0 2 3 2 9 1 2 c 0 1 1 1 7 1 2 1 14 \
        2 6 2 2 1 4 5 3 8 1 4 9 a 5 2 1 1 9 2 5 3 b 1 a 1 8 1 0 2 6 3 0 4 5 1 0 1 6 j 0 e 1d 1 6 5 e 1 9 13 1 1 0 1 \
        4 1 n 1 0 1 b 1 9 2 4 1 0 1 6 1 9 4 1 w 0 a 0 k 9 b 0 1 0 6 4 1 3 1 3 1 3 1 3 1 3 1 b 1 2 4 1 1 0 5 6 1 2 1 \
        c 1 3 1 3 1 3 1 3 1 3 1 b 1 2 9 0 1l 21 6 25 15 0 5 0 2 w 6 3 2 2 74 20 1 3 2 6 1 0 1 3 2 14 1 3 2 w 1 3 2 6 \
        1 0 1 3 2 e 1 1k 1 3 2 1u 2 2 w f s0 y 2 2 1 a 2 n 2 0 1 0 4 0 4 0 3 9 x2 16 2 2 8w 49 4 0 1 2h 6 l 2 5 2 11 \
        2 5 2 7 1 0 1 0 1 0 1 h 1 0 1 0 1 0 1 0 1 0 1 0 3 1g 1 4 1 0 5 2 1 2 1 0 1 0 3 2 3 4 5 2 1 6 1 0 5 2 1 2 1 0 \
        1 0 j 0 8 0 d 0 2kf 0 5 0 2a m 9 6 1 6 1 6 1 6 1 6 1 6 1 6 1 6 fa 2 1l 2d 2 1 2 1 1 2m 6 14 1 0 34 v g0 533 \
        1s g73 1a7 0 47 8 2w 0 4 0 4 1 m 0 l a 5 1 1 0 1 4 el n 2p m 3 5 3l 5 2 5 2 5 9 6 1 6 1j 1 48 8mb 6sq 1 1 0 \
        1 1 a 0 1 0 1 1 2 2 4wn 0 1 0 1j 1 ib7 1 cvh 3 f 0 t 2 2 0 e 3 908 u 6 5 9w 0 1g0 6 1 3 1 1 1 e 4qp wyn w \
        37d 6 65 2 4g1 e 5rk 3z3 3t6 5 38f
        """
}
